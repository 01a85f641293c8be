"""Any network with, without and with other attention: find gates, take them out, put them in."""
