namespace ringside {}
