import usr.ota
