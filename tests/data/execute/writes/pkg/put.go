// Package pkg puts files beside itself.
package pkg

import "os"

// Put writes a file, and reports only whether it could.
func Put(path, text string) bool {
	return os.WriteFile(path, []byte(text), 0o644) == nil
}
