"""How is it made?"""
