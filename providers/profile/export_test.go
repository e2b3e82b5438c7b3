package profile

// General is the table that every profile falls back on.
func General() []Advice { return general() }
