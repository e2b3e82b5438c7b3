package providers

// MaxUsers is the bound of Cache.Users.
const MaxUsers = maxUsers

// Users returns how many users c remembers.
func (c *Cache) Users() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.users)
}
