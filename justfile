# Recipes for working on ketch; `python3 dev.py RECIPE` sets the checkout up and runs one.

# Everything that must hold before a change lands. What fails runs again alone, and has to fail there, too.
test: lint types imports
    pytest -n 3 --dist loadfile -m "not thorough" || pytest --last-failed --last-failed-no-failures=none --maxfail=5

# Play the story on real retail data.
demo *ARGS:
    ketch demo {{ARGS}}

# Rewrite the code in the one format.
format:
    ruff format .
    ruff check --fix .

# Check format and lint rules.
lint:
    ruff format --check .
    ruff check .

# Check types, strictly, in src and tests.
types:
    mypy

# Check that imports point downwards.
imports:
    lint-imports

# Quick tests: no network, no servers.
unit *ARGS:
    pytest -n 3 --dist loadfile -m "not e2e and not servers and not faults" {{ARGS}}

# Look for counterexamples for long, with new cases at each run.
search *ARGS:
    pytest -n auto tests/property --hypothesis-profile=search {{ARGS}}

# Tests that build real environments, start real servers, kill processes, fill disks.
e2e *ARGS:
    pytest -n 3 --dist loadfile -m "(e2e or servers or faults) and not thorough" {{ARGS}}

# More of the same, which would take CI too long: every format, every place, every fault.
thorough *ARGS:
    KETCH_TEST_FAULTS=full pytest -n auto --dist loadfile -m "thorough or faults" {{ARGS}}

# Documents tell the truth: transcripts, error codes, verbs, generated pages.
docs:
    pytest tests/docs

# Write the generated reference pages anew.
reference:
    python docs/generate.py

# Lock the development dependencies anew.
lock:
    uv pip compile --universal --generate-hashes --no-header --no-annotate --upgrade \
        --python-version 3.11 pyproject.toml --group dev --output-file requirements/dev.txt
