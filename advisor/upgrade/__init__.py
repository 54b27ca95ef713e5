"""The upgrade search: which parts to buy for a goal, and what a budget is best spent on."""
