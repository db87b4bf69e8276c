package metric

// Explained is how many glosses there are.
func Explained() int {
	n := 0
	for _, list := range glosses {
		n += len(list)
	}
	return n
}
