package hooked

//go:generate go run ./internal/face/gen

// A NotebookModel is a model for notebook cells: where a method of [Model] returns an error, its
// own panics with it, as [Must] does, and returns the rest. All else is the model's.
//
//	var nb = hooked.Notebook(model)
//	var logits, cache = nb.RunWithCache("The capital of France is")
//
// Functions that take a model are given nb.Model, and those that take a cache cache.Cache.
type NotebookModel struct{ *Model }

// A NotebookCache is a cache for notebook cells, as [NotebookModel] is a model.
type NotebookCache struct{ *Cache }

// Notebook is a model whose methods panic in place of returning errors.
func Notebook(model *Model) *NotebookModel { return &NotebookModel{model} }

// model is the model, nil if there is none: its methods say so.
func (nb *NotebookModel) model() *Model {
	if nb == nil {
		return nil
	}
	return nb.Model
}

// cache is the cache, nil if there is none.
func (nb *NotebookCache) cache() *Cache {
	if nb == nil {
		return nil
	}
	return nb.Cache
}
