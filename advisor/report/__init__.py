"""Reports: results as text, Markdown, CSV and JSON, and the schemas of the JSON."""
