"""Images in folders, one per class, as batches for a network.

`folder` finds them and `preprocessing` says what is done to them; `loading` imports torch and reads them.
"""
