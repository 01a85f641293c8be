"""What the SE papers and those who quote them print, and what sebench makes of it. No torch here.

`figures` reads the printed figures, `subjects` says which networks they are about, `conventions` how they may
have been counted, `audit` what holds, `tables` lays them out beside the figures of today's code.
"""
