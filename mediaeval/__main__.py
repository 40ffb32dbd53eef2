"""`python -m mediaeval`: the command line, where its program is not on the PATH."""

from mediaeval.cli import main

if __name__ == "__main__":  # worker processes import this file under another name
    main()
