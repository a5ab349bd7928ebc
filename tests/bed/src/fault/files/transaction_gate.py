"""Announces a transaction before it changes the host, and waits until the watcher outside has acted."""

import os
import time

import dnf

GATE = "/run/bed/transaction-gate"
ANNOUNCEMENT = "/run/bed/transaction"


class TransactionGate(dnf.Plugin):
    name = "transaction_gate"

    def pre_transaction(self):
        if not os.path.exists(GATE):
            return
        with open(ANNOUNCEMENT, "w", encoding="ascii"):
            pass
        while os.path.exists(ANNOUNCEMENT):
            time.sleep(0.02)
