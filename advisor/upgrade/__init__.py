"""The upgrade search: which parts to buy for a goal, and what a budget or a list of parts is best spent on."""
