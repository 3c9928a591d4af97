from ganzoo.cli.main import main

main()
