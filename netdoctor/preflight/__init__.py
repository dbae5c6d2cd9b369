"""What this user, kernel and machine allow netdoctor to see and do: looked at, and nothing of anybody's changed."""
