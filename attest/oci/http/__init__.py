"""What is stored in a registry?"""
