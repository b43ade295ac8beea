"""Client programs: each is told what to do in lines of JSON (see ``programs.py``)."""
