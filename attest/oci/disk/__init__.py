"""What is stored on this disk?"""
