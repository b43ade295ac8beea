"""New versions: only looked for where somebody asked for it, only believed when signed, only fetched on request, never run by itself."""
