package broker

import "fmt"

// DescriptorPath names what a descriptor of ours is for calls that only take a path. No link of another process leads it elsewhere.
func DescriptorPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
