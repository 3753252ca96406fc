"""How do we write down what we expect?"""
