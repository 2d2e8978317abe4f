"""``python -m ngs`` and the console script ``ngs``: the command line."""

import sys
from typing import NoReturn

from ngs import own_packages


def main() -> NoReturn:
    """Run ``ngs``; one clear line where other packages stand in the way of ours."""
    in_the_way = own_packages.already_imported()
    if not in_the_way:
        try:
            from app.cli import main as run
            from app.session import interruption
        except KeyboardInterrupt:
            print("ngs: interrupted", file=sys.stderr)
            sys.exit(130)
        except Exception as error:
            if isinstance(error, ImportError):
                in_the_way = own_packages.overwritten()
            if not in_the_way:
                from drivers.system_limits import limit_text  # ours, as nothing is in the way

                in_the_way = limit_text(error)
            if not in_the_way:
                raise
        else:
            try:
                run()
            finally:
                interruption.ignored_from_now_on()
    # Folders have any names; what cleans text elsewhere is in the packages that are not found.
    line = "".join(each if each.isprintable() else "?" for each in in_the_way)
    print(f"ngs: {line}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
