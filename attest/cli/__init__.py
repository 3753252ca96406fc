"""How do people talk with it?"""
