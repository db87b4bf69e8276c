package vm

// Files are those of a QEMU whose hashes are in the key.
func (q QEMU) Files(m Machine) ([]string, error) { return q.files(m) }

// WithoutSandbox is a QEMU as if it had been built without seccomp.
func (q QEMU) WithoutSandbox() QEMU {
	p := *q.Parts
	p.Sandbox = false
	q.Parts = &p
	return q
}
