"""What do we expect?"""
