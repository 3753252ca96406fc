"""What is claimed?"""
