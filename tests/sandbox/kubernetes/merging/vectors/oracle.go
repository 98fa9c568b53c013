// Prints what the API server's own merge library makes of sequences of writes. See README.md.
//
// usage: oracle schema.json sequences.json > expected.json
package main

import (
	"encoding/json"
	"os"
	"sort"

	"sigs.k8s.io/structured-merge-diff/fieldpath"
	"sigs.k8s.io/structured-merge-diff/merge"
	"sigs.k8s.io/structured-merge-diff/typed"
)

const self = "current-operation"

type step struct {
	Operation string                 `json:"operation"`
	Manager   string                 `json:"manager"`
	Force     bool                   `json:"force"`
	Object    map[string]interface{} `json:"object"`
}

type sequence struct {
	Name  string `json:"name"`
	Steps []step `json:"steps"`
}

type result struct {
	Live      interface{}                `json:"live"`
	Managers  map[string]json.RawMessage `json:"managers"`
	Conflicts [][2]string                `json:"conflicts"`
}

type sameVersion struct{}

func (sameVersion) Convert(object *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) {
	return object, nil
}
func (sameVersion) IsMissingVersionError(error) bool { return false }

// stripped are the fields that the API server never records (fieldmanager/stripmeta.go).
var stripped = fieldpath.NewSet(
	fieldpath.MakePathOrDie("apiVersion"), fieldpath.MakePathOrDie("kind"), fieldpath.MakePathOrDie("metadata"),
	fieldpath.MakePathOrDie("metadata", "name"), fieldpath.MakePathOrDie("metadata", "namespace"),
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// withoutNulls is what a typed object keeps: null equals an absent field.
func withoutNulls(value interface{}) interface{} {
	switch found := value.(type) {
	case map[string]interface{}:
		for name, child := range found {
			if child == nil {
				delete(found, name)
			} else {
				found[name] = withoutNulls(child)
			}
		}
	case []interface{}:
		for index, child := range found {
			found[index] = withoutNulls(child)
		}
	}
	return value
}

func run(parser *typed.Parser, found sequence) []result {
	updater := (&merge.UpdaterBuilder{Converter: sameVersion{}, ReturnInputOnNoop: true}).BuildUpdater()
	kind := parser.Type(found.Steps[0].Object["kind"].(string))
	live, err := kind.FromUnstructured(map[string]interface{}{})
	must(err)
	managers := fieldpath.ManagedFields{}
	results := []result{}
	for _, step := range found.Steps {
		object, err := kind.FromUnstructured(step.Object)
		must(err)
		id := step.Manager + "/" + step.Operation
		conflicts := [][2]string{}
		var next *typed.TypedValue
		var owned fieldpath.ManagedFields
		if step.Operation == "Apply" {
			next, owned, err = updater.Apply(live, object, "v1", managers.Copy(), id, step.Force)
		} else {
			next, owned, err = updater.Update(live, object, "v1", managers.Copy(), self)
			must(err)
			if mine, ok := owned[self]; ok { // fieldmanager/managedfieldsupdater.go
				delete(owned, self)
				if previous, ok := owned[id]; ok {
					mine = fieldpath.NewVersionedSet(mine.Set().Union(previous.Set()), "v1", false)
				}
				owned[id] = mine
			}
		}
		if refused, ok := err.(merge.Conflicts); ok {
			for _, conflict := range refused {
				conflicts = append(conflicts, [2]string{conflict.Manager, conflict.Path.String()})
			}
			sort.Slice(conflicts, func(i, j int) bool {
				return conflicts[i][0]+" "+conflicts[i][1] < conflicts[j][0]+" "+conflicts[j][1]
			})
		} else {
			must(err)
			managers = fieldpath.ManagedFields{}
			for manager, set := range owned {
				if kept := set.Set().Difference(stripped); !kept.Empty() {
					managers[manager] = fieldpath.NewVersionedSet(kept, "v1", set.Applied())
				}
			}
			live, err = kind.FromUnstructured(withoutNulls(next.AsValue().Unstructured()))
			must(err)
		}
		printed := result{live.AsValue().Unstructured(), map[string]json.RawMessage{}, conflicts}
		for manager, set := range managers {
			printed.Managers[manager], err = set.Set().ToJSON()
			must(err)
		}
		copied, err := json.Marshal(printed)
		must(err)
		printed = result{}
		must(json.Unmarshal(copied, &printed))
		results = append(results, printed)
	}
	return results
}

func main() {
	schema, err := os.ReadFile(os.Args[1])
	must(err)
	parser, err := typed.NewParser(typed.YAMLObject(schema))
	must(err)
	document, err := os.ReadFile(os.Args[2])
	must(err)
	sequences := []sequence{}
	must(json.Unmarshal(document, &sequences))
	expected := map[string][]result{}
	for _, found := range sequences {
		expected[found.Name] = run(parser, found)
	}
	must(json.NewEncoder(os.Stdout).Encode(expected))
}
