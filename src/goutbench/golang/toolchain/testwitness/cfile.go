// The witness of a test binary: this file is compiled into package internal/coverage/cfile by an overlay.
package cfile

import (
	"internal/coverage"
	"internal/coverage/cformat"
	"internal/coverage/decodemeta"
	"internal/coverage/rtcov"
	"slices"
	"strings"
	"unsafe"
)

const (
	witnessOwn = "goutbench:o"
	witnessAll = "goutbench:a"
)

// witnessProfile carries a cover profile to package testing as an error, which is all that the functions in between return.
type witnessProfile string

func (p witnessProfile) Error() string            { return "a profile" }
func (p witnessProfile) GoutbenchProfile() string { return string(p) }

func witnessText(formatter *cformat.Formatter, packages []string) error {
	var text strings.Builder
	if err := formatter.EmitTextual(packages, &text); err != nil {
		return err
	}
	return witnessProfile(text.String())
}

// witnessMemory is the profile of this process from its counters in memory: a test can write files of counters, too.
func witnessMemory(mode string, packages []string) error {
	formatter := cformat.NewFormatter(coverage.ParseCounterMode(mode))
	counters, err := witnessCounters()
	if err != nil {
		return err
	}
	for index, entry := range rtcov.Meta.List {
		decoder, err := decodemeta.NewCoverageMetaDataDecoder(unsafe.Slice((*byte)(unsafe.Pointer(entry.P)), int(entry.Len)), true)
		if err != nil {
			return err
		}
		formatter.SetPackage(decoder.PackagePath())
		var function coverage.FuncDesc
		for number := uint32(0); number < decoder.NumFuncs(); number++ {
			if err := decoder.ReadFunc(number, &function); err != nil {
				return err
			}
			counts := counters[pkfunc{pk: uint32(index), fcn: number}]
			for i, unit := range function.Units {
				if unit.Parent != 0 {
					continue
				}
				count := uint32(0)
				if i < len(counts) {
					count = counts[i]
				}
				formatter.AddUnit(function.Srcfile, function.Funcname, function.Lit, unit, count)
			}
		}
	}
	return witnessText(formatter, packages)
}

// witnessCounters copies the counters of all functions that ran.
func witnessCounters() (map[pkfunc][]uint32, error) {
	all := map[pkfunc][]uint32{}
	state := &emitState{counterlist: getCovCounterList(), pkgmap: rtcov.Meta.PkgMap}
	err := state.VisitFuncs(func(pkg, function uint32, counters []uint32) error {
		all[pkfunc{pk: pkg, fcn: function}] = slices.Clone(counters)
		return nil
	})
	return all, err
}
