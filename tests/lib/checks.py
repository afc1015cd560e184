"""One line a check, and a status: what every test script in Python reports with."""

import sys


class Checks:
    """Counts what held and what did not. `ok    SUBJECT: name` or `FAIL  SUBJECT: name: why`, one line each."""

    def __init__(self, subject):
        self.subject = subject
        self.passed = 0
        self.failed = 0

    def check(self, name, holds, why=""):
        """Reports one check; `why` is shown where it does not hold. Returns whether it holds."""
        if holds:
            self.passed += 1
            print(f"ok    {self.subject}: {name}", flush=True)
        else:
            self.failed += 1
            shown = " ".join(str(why).split())
            print(f"FAIL  {self.subject}: {name}: {shown[:600] or 'it does not hold'}", flush=True)
        return bool(holds)

    def equal(self, name, found, expected):
        """Reports that two values are the same."""
        return self.check(name, found == expected, f"found {found!r}, expected {expected!r}")

    def status(self):
        """The script's exit status. A script that checked nothing has failed."""
        if self.passed + self.failed == 0:
            print(f"FAIL  {self.subject}: nothing was checked", flush=True)
        return 0 if self.failed == 0 and self.passed > 0 else 1

    def end(self):
        """Ends the script."""
        sys.exit(self.status())
