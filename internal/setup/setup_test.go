package setup_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// ready returns a set-up of this checkout in which make setup has run. Under
// make test what is missing is a failure.
func ready(t *testing.T, out *bytes.Buffer) *setup.Setup {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup.Setup{Repo: repo, Status: progress.New(out), Self: "/nowhere/gopherlens", XLA: withCgo}
	for _, state := range s.States(t.Context()) {
		if state.Done || state.Optional != "" || state.Skipped != "" {
			continue
		}
		if os.Getenv("GOPHERLENS_SETUP") != "" {
			t.Fatalf("%s is not as it should be after set-up: %+v", state.Name, state)
		}
		t.Skip("needs what make setup installs: " + state.Name)
	}
	return s
}

// A second set-up does nothing: no file that the first one made is touched. Its
// steps would fail if they ran, as the command that they call does not exist.
func TestSecondSetupDoesNothing(t *testing.T) {
	var out bytes.Buffer
	s := ready(t, &out)
	before := times(t, s)
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "set-up is complete: nothing to do\n"; out.String() != want {
		t.Errorf("printed %q, want %q", &out, want)
	}
	if after := times(t, s); !slices.Equal(before, after) {
		t.Errorf("files changed: times were %v, are %v", before, after)
	}
}

// times returns when each thing that set-up makes was last changed.
func times(t *testing.T, s *setup.Setup) []string {
	var times []string
	for _, state := range s.States(t.Context()) {
		if info, err := os.Stat(state.Where); err == nil {
			times = append(times, info.ModTime().String())
		}
	}
	return times
}

// elsewhere returns a set-up of a checkout that has nothing but GoNB, so that
// the real one's kernel stays as it is.
func elsewhere(t *testing.T, s *setup.Setup) *setup.Setup {
	repo := setup.Repo{Root: t.TempDir()}
	if err := os.Mkdir(repo.Bin(), 0o755); err != nil {
		t.Fatal(err)
	}
	gonb, err := os.ReadFile(filepath.Join(s.Repo.Bin(), "gonb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo.Bin(), "gonb"), gonb, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	return &setup.Setup{Repo: repo, Status: s.Status, XLA: true}
}

// installKernel installs the kernel and returns the user's specification.
func installKernel(t *testing.T, s *setup.Setup) (setup.KernelSpec, string) {
	if err := setup.InstallKernel(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if done, err := setup.KernelDone(t.Context(), s); !done || err != nil {
		t.Errorf("the kernel is not installed after its installation (%v)", err)
	}
	file, err := s.KernelFile()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec setup.KernelSpec
	if err := json.Unmarshal(content, &spec); err != nil {
		t.Fatal(err)
	}
	return spec, file
}

// A notebook needs no cell that sets anything up: the kernel says it all.
func TestKernel(t *testing.T) {
	s := elsewhere(t, ready(t, new(bytes.Buffer)))
	t.Setenv("GOFLAGS", "-mod=mod -buildvcs=false")
	t.Setenv("GODEBUG", "")
	t.Setenv(cachedir.Variable, t.TempDir())
	spec, _ := installKernel(t, s)
	if want := s.Repo.Bin() + "/gonb"; spec.Argv[0] != want {
		t.Errorf("the kernel is %s, want %s", spec.Argv[0], want)
	}
	if want := "-go_work=" + s.Repo.Root; !slices.Contains(spec.Argv, want) {
		t.Errorf("arguments %q lack %s", spec.Argv, want)
	}
	for name, want := range map[string]string{
		"GODEBUG":               "cpu.fma=off",
		"GOEXPERIMENT":          "simd",
		"GOFLAGS":               "-buildvcs=false -ldflags=-s",
		"GOMLX_NO_AUTO_INSTALL": "1",
		cachedir.Variable:       os.Getenv(cachedir.Variable),
	} {
		if got := spec.Env[name]; got != want {
			t.Errorf("%s = %q in the kernel's environment, want %q", name, got, want)
		}
	}
	path := filepath.SplitList(spec.Env["PATH"])
	if want := s.Repo.Bin() + "/kernel"; path[0] != want || !slices.Contains(path, "${PATH}") {
		t.Errorf("PATH = %q in the kernel's environment, want %s first and the user's own", path, want)
	}
}

// Where gopherlens has no XLA in it, notebooks must not ask its worker for XLA.
func TestKernelWithoutXLA(t *testing.T) {
	s := elsewhere(t, ready(t, new(bytes.Buffer)))
	if spec, _ := installKernel(t, s); spec.Env["GOMLX_BACKEND"] != "" {
		t.Errorf("with XLA, GOMLX_BACKEND = %q in the kernel's environment", spec.Env["GOMLX_BACKEND"])
	}
	s.XLA = false
	if spec, _ := installKernel(t, s); spec.Env["GOMLX_BACKEND"] != "go" {
		t.Errorf("without XLA, GOMLX_BACKEND = %q in the kernel's environment, want go", spec.Env["GOMLX_BACKEND"])
	}
}

// The kernel's go command leaves out GoNB's bare "go get" and nothing else.
func TestKernelGo(t *testing.T) {
	s := elsewhere(t, ready(t, new(bytes.Buffer)))
	installKernel(t, s)
	shim := filepath.Join(s.Repo.Bin(), "kernel", "go")
	if output, err := exec.Command(shim, "get").CombinedOutput(); err != nil || len(output) != 0 {
		t.Errorf("go get: %q, %v; want nothing", output, err)
	}
	if output, err := exec.Command(shim, "env", "GOOS").CombinedOutput(); err != nil || string(output) != runtime.GOOS+"\n" {
		t.Errorf("go env GOOS: %q, %v; want %s", output, err, runtime.GOOS)
	}
	if output, err := exec.Command(shim, "get", "no such module").CombinedOutput(); err == nil {
		t.Errorf("go get of a module that cannot be was left out: %q", output)
	}
}

// A kernel of the user's own making is kept, one of ours is replaced.
func TestKernelKeepsForeign(t *testing.T) {
	s := elsewhere(t, ready(t, new(bytes.Buffer)))
	file, err := s.KernelFile()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	const foreign = `{"argv": ["/home/user/go/bin/gonb"], "env": {}}`
	if err := os.WriteFile(file, []byte(foreign), 0o644); err != nil {
		t.Fatal(err)
	}
	installKernel(t, s)
	if got, err := os.ReadFile(file + ".before-gopherlens"); err != nil || string(got) != foreign {
		t.Errorf("the user's kernel is now %q, %v", got, err)
	}
	edit(t, file, func(content []byte) []byte { return bytes.Replace(content, []byte(s.Repo.Root), []byte("/old"), 1) })
	if done, err := setup.KernelDone(t.Context(), s); done || err != nil {
		t.Errorf("another checkout's kernel counts as ours (%v)", err)
	}
	installKernel(t, s)
	if got, err := os.ReadFile(file + ".before-gopherlens"); err != nil || string(got) != foreign {
		t.Errorf("the user's kernel was replaced by one of ours: %q, %v", got, err)
	}
}

// Two checkouts of a user have a kernel each, whose name tells where it is; when the first is gone
// the second has its place.
func TestTwoCheckouts(t *testing.T) {
	a := elsewhere(t, ready(t, new(bytes.Buffer)))
	b := *a
	b.Repo.Root = filepath.Join(t.TempDir(), "Zweite (2)")
	if err := os.CopyFS(b.Repo.Root, os.DirFS(a.Repo.Root)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*setup.Setup{a, &b} {
		if err := os.WriteFile(filepath.Join(s.Repo.Root, "go.mod"), []byte("module gopherlens\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first, firstFile := installKernel(t, a)
	second, secondFile := installKernel(t, &b)
	if first.DisplayName != "Go (gonb)" || second.DisplayName != "Go (gonb, "+b.Repo.Root+")" {
		t.Errorf("the kernels are named %q and %q", first.DisplayName, second.DisplayName)
	}
	folder := regexp.MustCompile(`/kernels/gonb-zweite--2--[0-9a-f]{4}/kernel\.json$`)
	if filepath.Base(filepath.Dir(firstFile)) != "gonb" || !folder.MatchString(secondFile) {
		t.Errorf("the kernels are at %s and %s", firstFile, secondFile)
	}
	for _, s := range []*setup.Setup{a, &b} {
		if done, err := setup.KernelDone(t.Context(), s); !done || err != nil {
			t.Errorf("%s: the other's kernel has taken its place (%v)", s.Repo.Root, err)
		}
	}
	own, err := os.ReadFile(filepath.Join(b.Repo.Root, ".venv/share/jupyter/kernels/gonb/kernel.json"))
	if err != nil || !bytes.Contains(own, []byte("-go_work="+b.Repo.Root)) || !bytes.Contains(own, []byte(`"Go (gonb)"`)) {
		t.Errorf("its own Jupyter has %s, %v", own, err)
	}
	if err := os.RemoveAll(a.Repo.Root); err != nil {
		t.Fatal(err)
	}
	if spec, file := installKernel(t, &b); file != firstFile || spec.DisplayName != "Go (gonb)" {
		t.Errorf("alone, it is %q at %s", spec.DisplayName, file)
	}
	if _, err := os.Stat(secondFile); err == nil {
		t.Error("it is there twice")
	}
}

// The patches in docs/upstream are of the GoNB that go.mod names, and those that are carried are
// there.
func TestPatchesApply(t *testing.T) {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup.Setup{Repo: repo}
	paths, err := filepath.Glob(filepath.Join(repo.Root, "docs", "upstream", "gonb-*.patch"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%q, %v", paths, err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	for _, patch := range setup.Carried {
		if !slices.Contains(names, patch) {
			t.Errorf("%s is carried and not there", patch)
		}
	}
	folder := filepath.Join(t.TempDir(), "gonb")
	if err := s.CopyPatched(t.Context(), folder, names); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "internal", "goexec", "parser_explain_test.go")); err != nil {
		t.Errorf("the patch was not applied: %v", err)
	}
	if err := s.CopyPatched(t.Context(), filepath.Join(t.TempDir(), "gonb"), []string{"none.patch"}); err == nil {
		t.Error("a patch that is not there was applied")
	}
}
