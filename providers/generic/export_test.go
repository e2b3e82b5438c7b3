package generic

// ParseToken is what Command reads the output of a program with.
var ParseToken = parseToken
