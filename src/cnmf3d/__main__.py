"""`python -m cnmf3d` is `cnmf3d`."""

from cnmf3d.cli.app import main

if __name__ == "__main__":
    main()
