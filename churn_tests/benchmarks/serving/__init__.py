"""What an online score costs: our service beside the services that one would write first, under the same load."""
