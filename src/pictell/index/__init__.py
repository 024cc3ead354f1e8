"""What a model said of pictures, kept between runs by the content of the pictures."""
