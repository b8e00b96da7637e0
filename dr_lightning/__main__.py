"""`python -m dr_lightning`."""

from dr_lightning.cli import main

if __name__ == "__main__":
    main()
