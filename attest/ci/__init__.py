"""Where do we run?"""
