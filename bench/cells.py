"""How long a notebook's warm cells take, from the request to the kernel's answer.

Usage: .venv/bin/python bench/cells.py [KERNEL [CELLS]]

Prints for each kind of cell the median, the least and the most of CELLS (9) in seconds, and the
processor's time that each took (building and running; the worker's is not in it). KERNEL is a
name that "jupyter kernelspec list" shows, gonb by default.
"""
import statistics
import subprocess
import sys
import time

from jupyter_client.manager import start_new_kernel

DECLARATIONS = """
var model = hooked.Must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing))
var logits, cache = hooked.Must2(model.RunWithCache("The capital of France is"))
"""
CELLS = {
    "a number of the model": "fmt.Println(model.Config().NLayers + {})",
    "an activation": 'fmt.Println(cache.Get("resid_post", 5).Float32s()[{}])',
    "nothing of ours": "fmt.Println({})",
}


def run(client, code):
    """Run a cell and return its seconds."""
    begun = time.perf_counter()
    reply = client.execute_interactive(code, timeout=600, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise SystemExit(f"a cell failed:\n{code}\n{reply['content']}")
    return time.perf_counter() - begun


def processor(pid):
    """Return the seconds of processor time of a process and of its children that have ended."""
    with open(f"/proc/{pid}/stat") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:15])) / 100


def main():
    kernel, count = (sys.argv[1:] + ["gonb", "9"][len(sys.argv) - 1:])[:2]
    manager, client = start_new_kernel(kernel_name=kernel, stderr=subprocess.DEVNULL)
    try:
        print(f"the first cell, which loads and runs the model: {run(client, DECLARATIONS + '%%'):.1f} s")
        for name, code in CELLS.items():
            run(client, "%%\n" + code.format(0))  # the packages that it takes are another set
            before, pid = processor(manager.provisioner.pid), manager.provisioner.pid
            seconds = [run(client, "%%\n" + code.format(i + 1)) for i in range(int(count))]
            used = (processor(pid) - before) / len(seconds)
            print(f"{name:22} {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), processor {used:.2f} s")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


main()
