module highstreet.ly/toolchain/pause

go 1.25.0
