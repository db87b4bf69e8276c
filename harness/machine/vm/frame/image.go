package frame

// ImageModules are the kernel modules that images need besides [DefaultModules].
var ImageModules = []string{"libnvdimm", "nd_btt", "nd_pmem", "nd_e820", "overlay"}

const (
	// ImageDir has each image as a directory, in the guest.
	ImageDir = "/image"
	// ImageFile is a file of the guest's root directory: JSON list of [Place].
	ImageFile = "/etc/ruleout/images"
)

// Place says where in the guest's memory an image is.
type Place struct {
	Name  string `json:"name"`
	Start uint64 `json:"start"` // physical address
	Size  uint64 `json:"size"`  // bytes
}
