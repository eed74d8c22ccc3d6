package main

import (
	"crypto/rand"
	"crypto/subtle"
	"io"
	"os"
	"syscall"
)

const (
	witnessVariable = "GOUTBENCH_WITNESS"
	witnessToken    = 32
	witnessHeader   = witnessToken + 5 // the token, the kind of a message, and the length of its text
	witnessMost     = 64 << 20
)

// witness receives what the test packages of the standard library say about a run, on a socket. A test may write to the socket, too, but
// it does not know the token that begins each message.
type witness struct {
	ours, theirs int
	token        [witnessToken]byte
	done         chan []byte
}

// newWitness makes the socket, and writes the token to it, which the test program reads before it runs anything else.
func newWitness() (*witness, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &witness{ours: pair[0], theirs: pair[1], done: make(chan []byte, 1)}
	rand.Read(w.token[:])
	if _, err := syscall.Write(w.ours, w.token[:]); err != nil {
		return nil, err
	}
	return w, nil
}

// variable tells the command the number of the descriptor: that of the fourth of its files, or the fifth after the socket of entry.
func (w *witness) variable(confined bool) string {
	if confined {
		return witnessVariable + "=4"
	}
	return witnessVariable + "=3"
}

// listen receives messages until the other end is closed, everywhere.
func (w *witness) listen() {
	syscall.Close(w.theirs)
	socket := os.NewFile(uintptr(w.ours), "witness")
	messages := confirmed(socket, w.token[:])
	io.Copy(io.Discard, socket) // so that nobody waits for us
	w.done <- messages
}

// finish returns the messages, without their tokens, after the program has ended.
func (w *witness) finish() []byte {
	syscall.Shutdown(w.ours, syscall.SHUT_RD) // what was sent can still be read
	return <-w.done
}

// confirmed reads messages up to the first one without the token.
func confirmed(from io.Reader, token []byte) []byte {
	var messages []byte
	header := make([]byte, witnessHeader)
	for {
		if _, err := io.ReadFull(from, header); err != nil {
			return messages
		}
		size := int(header[witnessToken+1])<<24 | int(header[witnessToken+2])<<16 | int(header[witnessToken+3])<<8 | int(header[witnessToken+4])
		if subtle.ConstantTimeCompare(header[:witnessToken], token) != 1 || size > witnessMost-len(messages) {
			return messages
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(from, text); err != nil {
			return messages
		}
		messages = append(append(messages, header[witnessToken:]...), text...)
	}
}
