package shelf

// SetMostEntries bounds parcels until the function that it returns is called.
func SetMostEntries(n int) (restore func()) {
	before := mostEntries
	mostEntries = n
	return func() { mostEntries = before }
}
