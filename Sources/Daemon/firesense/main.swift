print("firesense")
