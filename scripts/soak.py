"""The questions, changes and revocations of scripts/soak: port, process, folder, seconds."""

import http.client
import json
import os
import sys
import threading
import time

PORT, PROCESS, FOLDER, SECONDS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], max(30, int(sys.argv[4]))
# So many keys must have been made and revoked until the service remembers as many as it ever does. Up to
# then its memory grows as it should; it takes about two minutes.
WARM_UP, WARM_UP_SECONDS = 10_500, 600
END = float("inf")
WRONG, COUNTS, LOCK = [], {}, threading.Lock()
VIEW = {"principal": 'User::"alice"', "action": 'Action::"view"', "resource": 'Photo::"vacation.jpg"'}
STRANGER = {"principal": 'User::"nobody"', "action": 'Action::"edit"', "resource": 'Photo::"vacation.jpg"',
            "entities": [{"uid": 'User::"nobody"', "parents": ['Group::"nobodies"']}]}


class Client:
    """A connection that is kept, with a key."""

    def __init__(self, key):
        self.key, self.connection = key, http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)

    def ask(self, method, path, body=None):
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def count(what):
    with LOCK:
        COUNTS[what] = COUNTS.get(what, 0) + 1


def wrong(what):
    with LOCK:
        WRONG.append(what)


def until_the_end(work):
    def run():
        try:
            while time.monotonic() < END and not WRONG:
                work()
        except Exception as error:  # whatever it is, the soak has failed
            wrong(f"{work.__name__}: {type(error).__name__}: {error}")
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def root_key():
    path = os.path.join(FOLDER, "gatewood.db.root-key")
    for _ in range(200):
        try:
            with open(path) as file:
                if key := file.read().strip():
                    return key
        except FileNotFoundError:
            time.sleep(0.05)
    sys.exit("the service did not start")


def memory():
    with open(f"/proc/{PROCESS}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


ROOT = root_key()


def asker():
    client = Client(ROOT)

    def decides():
        status, answer = client.ask("POST", "/v1/is-authorized", VIEW)
        if status != 200 or answer["decision"] != "allow":
            wrong(f"alice: {status} {answer}")
        status, answer = client.ask("POST", "/v1/is-authorized", STRANGER)
        if status != 200 or answer["decision"] != "deny":
            wrong(f"nobody: {status} {answer}")
        status, answer = client.ask("POST", "/v1/is-authorized/batch", {"requests": [VIEW, {}, STRANGER] * 10})
        if status != 200 or [item.get("decision") for item in answer["answers"]] != ["allow", None, "deny"] * 10:
            wrong(f"batch: {status} {answer}")
        count("rounds of questions")
    return decides


def reloader():
    client, number = Client(ROOT), 0
    path = os.path.join(FOLDER, "policies", "photoflash", "soak.cedar")

    def reloads():
        nonlocal number
        number += 1
        broken = number % 5 == 0
        text = "forbid (principal" if broken else f'@id("soak") @n("{number}") forbid (principal == PhotoFlash::User::"soak", action, resource);'
        with open(path + "~", "w") as file:
            file.write(text)
        os.replace(path + "~", path)
        status, answer = client.ask("POST", "/v1/stores/photoflash/reload")
        # The watcher may have been quicker; then there is nothing left to load.
        if status != 200 or answer["outcome"] not in (("failed",) if broken else ("loaded", "unchanged")):
            wrong(f"reload {number}: {status} {answer}")
        count("changes of policies")
        time.sleep(0.1)
    return reloads


def revoker():
    client = Client(ROOT)

    def revokes():
        status, made = client.ask("POST", "/v1/api-keys", {"name": "soak", "roles": ["pep"]})
        if status != 201:
            return wrong(f"create: {status} {made}")
        pep = Client(made["key"])
        before, _ = pep.ask("POST", "/v1/is-authorized", VIEW)
        client.ask("DELETE", f"/v1/api-keys/{made['id']}")
        after, _ = pep.ask("POST", "/v1/is-authorized", VIEW)
        if (before, after) != (200, 401):
            wrong(f"a key was answered {before}, and {after} once it was revoked")
        pep.connection.close()
        count("revocations")
    return revokes


began = time.monotonic()
threads = [until_the_end(work) for work in (asker(), asker(), asker(), reloader(), revoker())]
samples = []
while any(thread.is_alive() for thread in threads):
    time.sleep(1)
    if COUNTS.get("revocations", 0) < WARM_UP:
        if time.monotonic() > began + WARM_UP_SECONDS:
            wrong(f"after {WARM_UP_SECONDS} s there were only {COUNTS.get('revocations', 0)} revocations")
        continue
    if not samples:
        END = time.monotonic() + SECONDS
    samples.append(memory())
half = len(samples) // 2
early, late = max(samples[:half] or [1]), max(samples[half:] or [1])
status, ready = Client(ROOT).ask("GET", "/readyz")
print(f"{time.monotonic() - began:.0f} s, " + ", ".join(f"{n} {what}" for what, n in sorted(COUNTS.items())))
print(f"memory: at most {early} KiB in the first half of the last {len(samples)} s and {late} KiB in the second; /readyz {status} {ready['status']}")
if late > early * 1.1 + 2048:
    wrong("the memory grows")
for what in WRONG[:5]:
    print("wrong:", what, file=sys.stderr)
sys.exit(1 if WRONG else 0)
