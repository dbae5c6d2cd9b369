"""The screens: hosts and namespaces, the path with its details, help, and the questions that the app asks back."""
