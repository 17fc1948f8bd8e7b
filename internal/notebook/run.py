"""Runs a notebook in a real Jupyter kernel and tells what happens as it happens.

Usage: run.py JOB

JOB is JSON: work.go lists its fields. Each event is a line of JSON on standard
output; events.go lists them. The executed notebook is written even if a cell
failed, so that one can look at it. Exit status: 0 if all cells ran, 1 if one
failed, 2 if none could.
"""

import json
import os
import signal
import sys
import time
from html.parser import HTMLParser

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError


UPDATES = 10  # seconds before a figure that changes is told once more


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Narrator(NotebookClient):
    """A client that tells each output at once; its parent keeps them in the notebook."""

    report = None  # the HTML shown last, if nothing followed it
    told = 0.0  # when a figure was told last
    untold = None  # what has taken its place since

    def process_message(self, msg, cell, cell_index):
        kind, content = msg["msg_type"], msg["content"]
        if kind in ("stream", "display_data", "error"):
            self.catch_up()
        if kind == "stream":
            self.report = None
            tell("text", text=content["text"])
        elif kind == "update_display_data":
            self.untold = content["data"]
            if time.monotonic() - self.told > UPDATES:
                self.catch_up()
        elif kind in ("display_data", "execute_result"):
            self.figure(content["data"])
        elif kind == "error":
            if self.report:  # GoNB shows the compiler's errors as HTML
                tell("text", text=text_of(joined(self.report)))
            tell("error", text=error_text(content))
        return super().process_message(msg, cell, cell_index)

    def figure(self, data):
        self.told, self.untold = time.monotonic(), None
        self.report = data.get("text/html")
        tell("figure", types=sorted(data), text=joined(data.get("text/plain", "")))

    def catch_up(self):
        """Tells what a figure has become, if it was not wiped away."""
        if self.untold and any(joined(value) for value in self.untold.values() if isinstance(value, (str, list))):
            self.figure(self.untold)
        self.untold = None


def joined(text):
    return "".join(text)  # a notebook may hold a text as a list of lines


def error_text(content):
    return "\n".join(content.get("traceback") or []) or f"{content['ename']}: {content['evalue']}"


class Text(HTMLParser):
    """Collects the text of GoNB's report, without the code around each error."""

    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        hides = tag == "style" or "gonb-err-context" in (dict(attrs).get("class") or "")
        if self.hidden or hides:
            self.hidden += 1

    def handle_endtag(self, tag):
        if self.hidden:
            self.hidden -= 1

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def text_of(html):
    parser = Text()
    parser.feed(html)
    lines = "".join(parser.parts).splitlines()
    return "".join(line + "\n" for line in lines if line.strip())


def titles(cells):
    """The heading above each cell, or else its first line of code or comment."""
    heading = ""
    for cell in cells:
        lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
        if cell.cell_type == "markdown":
            headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
            heading = headings[-1] if headings else heading
            yield ""
            continue
        code = [line.lstrip("/ ") for line in lines if not line.startswith("%")]
        yield heading or (code or lines or [""])[0]
        heading = ""


def inject(notebook, source):
    """Puts a cell behind the one with the tag parameters, in place of an earlier one, as papermill does."""
    notebook.cells = [cell for cell in notebook.cells if not has_tag(cell, INJECTED)]
    index = next(i for i, cell in enumerate(notebook.cells) if has_tag(cell, "parameters"))
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [INJECTED]})
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        del cell["id"]  # cells have them since format 4.5
    notebook.cells.insert(index + 1, cell)


INJECTED = "injected-parameters"


def has_tag(cell, tag):
    return cell.cell_type == "code" and tag in cell.metadata.get("tags", [])


def run(client, cells, path):
    names = list(titles(cells))
    todo = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]
    # the kernel's environment names the notebook as Jupyter's server would
    with client.setup_kernel(env={**os.environ, "JPY_SESSION_NAME": path}):
        for number, index in enumerate(todo, 1):
            tell("start", cell=number, of=len(todo), title=names[index])
            start = time.monotonic()
            try:
                client.execute_cell(cells[index], index)
            finally:
                client.catch_up()
                tell("end", seconds=time.monotonic() - start)


def write(notebook, job):
    if job.get("output"):
        nbformat.write(notebook, job["output"])
    if job.get("html"):
        from nbconvert import HTMLExporter  # takes half a second

        name = os.path.splitext(os.path.basename(job["notebook"]))[0]
        page, _ = HTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": name}})
        with open(job["html"], "w", encoding="utf-8") as file:
            file.write(page)


def main(job):
    path = os.path.abspath(job["notebook"])
    notebook = nbformat.read(path, as_version=4)
    if job.get("injected"):
        inject(notebook, job["injected"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = Narrator(
        notebook,
        timeout=job["timeout"] or None,
        kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "gonb"),
        resources={"metadata": {"path": os.path.dirname(path)}},
        record_timing=False,  # times in the metadata would change the file at each run
        coalesce_streams=True,  # as a notebook in the browser shows what arrives line by line
    )
    # A run that is stopped must still end its kernel, and that the cell's process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 0
    try:
        run(client, notebook.cells, path)
    except NoSuchKernel as error:
        tell("fatal", text=f"there is no Jupyter kernel {error.name!r}")
        return 2
    except CellTimeoutError:
        tell("fatal", text=f"the cell did not end within {job['timeout']:g} s")
        status = 1
    except DeadKernelError:
        tell("fatal", text="the kernel died while the cell ran")
        status = 1
    except CellExecutionError:
        status = 1  # its error event has told
    write(notebook, job)
    return status


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
