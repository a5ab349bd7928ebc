module nodemend.dev/bed/pause

go 1.26.0
