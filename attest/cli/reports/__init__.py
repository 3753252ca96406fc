"""A report in every form that people's tools read: one file a form, and forms.py names them all."""
