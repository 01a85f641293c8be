"""The user's repository: its commits, checked out beside, and what tells its states apart."""
