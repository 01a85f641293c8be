"""Static costs, cached or counted in processes of their own."""
