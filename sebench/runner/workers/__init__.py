"""Worker processes as the runner sees them: started, spoken to, and ended."""
